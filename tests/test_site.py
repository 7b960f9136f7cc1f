"""What is checked of the site beside its links, and what of the tutorials is run."""

from __future__ import annotations

from pathlib import Path

from scripts import check_site, run_tutorials


def test_what_a_page_loads_must_lie_in_the_site(tmp_path: Path) -> None:
    (tmp_path / "how").mkdir()
    (tmp_path / "a b.png").touch()
    (tmp_path / "look.css").write_text(
        'a { background: url("a%20b.png") } b { background: url(data:image/png;base64,AA) } '
        "@import 'https://fonts.example/x.css'; i { background: url(gone.svg) }"
    )
    (tmp_path / "how" / "page.html").write_text(
        '<link rel="canonical" href="https://example.org"><link rel="stylesheet" href="../look.css?v=1">'
        '<link rel="preconnect" href="https://fonts.example"><a href="https://example.org">elsewhere</a>'
        '<img src="../a%20b.png#only-dark"><img src="missing.png"><script src="//cdn.example/x.js"></script>'
        "<script>let one = 1</script>"
    )
    assert check_site.faults(tmp_path) == [
        "how/page.html: loads https://fonts.example from another host",
        "how/page.html: loads missing.png, which is not there",
        "how/page.html: loads //cdn.example/x.js from another host",
        "look.css: loads https://fonts.example/x.css from another host",
        "look.css: loads gone.svg, which is not there",
    ]


def test_commands_of_a_tutorial_are_run_and_their_output_compared(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nopen('made', 'w').write('3 cells')\n```\n\n"
        "```console\n$ cat made && echo \\\n  and more\n3 cells... more\n$ echo one\ntwo\n```\n\n"
        "```sh\nexit 5\n```\n\n```console\n$ false\n```\n"
    )
    wrong, failed = run_tutorials.faults(page)
    assert wrong.startswith("page.md: echo one\n")
    assert failed.startswith("page.md: false\nexit 1;")
