"""Checks the links of the built site: every page, file and heading that a page links to is there. Links to other sites are only
parsed, so that the check needs no network. mdbook-linkcheck2 does not look at headings."""

import pathlib
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors that a page has, and the links that it makes."""

    def __init__(self):
        super().__init__()
        self.anchors, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get("id"):
            self.anchors.add(attributes["id"])
        link = attributes.get("href") if tag in ("a", "link") else attributes.get("src")
        if link:
            self.links.append((self.getpos()[0], link))


root = pathlib.Path(sys.argv[1]).resolve()
pages = {}
for path in sorted(root.rglob("*.html")):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    pages[path] = page

wrong, checked, elsewhere = [], 0, set()
for path, page in pages.items():
    # One page repeats all others, for printing; 404 is shown at any path.
    if path.name in ("print.html", "404.html", "toc.html"):
        continue
    for line, link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            elsewhere.add(link)
            if parts.scheme not in ("https", "http") or "." not in parts.netloc:
                wrong.append(f"{path.relative_to(root)}:{line}: {link} is no address")
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        checked += 1
        if not target.is_relative_to(root) or not target.exists():
            wrong.append(f"{path.relative_to(root)}:{line}: {link} leads nowhere")
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
            wrong.append(f"{path.relative_to(root)}:{line}: {link}: the page has no such heading")

print(f"{len(pages)} pages, {checked} links among them, {len(elsewhere)} addresses elsewhere (not asked)")
if wrong or not checked:
    sys.exit("\n".join(wrong) or "no links: the site was not built")
