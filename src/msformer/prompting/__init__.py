"""The grown network at work: a picture is looked at once, then asked about."""
