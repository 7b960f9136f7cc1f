"""Many images: what to do (``plan``), doing one (``work``), all of them (``run``), telling the result (``report``)."""
