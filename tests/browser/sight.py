"""What a person sees of a page and no HTML says: contrast, heights, what sticks out."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

CONTRAST_LEAST = 4.5
ROW_LEAST = 24
WEIGHT_MOST = 150_000

_axe = Axe()

_PALE = """least => {
  const channels = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const over = (above, below) => {
    const alpha = above[3] === undefined ? 1 : above[3];
    return [0, 1, 2].map(at => alpha * above[at] + (1 - alpha) * below[at]);
  };
  const light = colour => [0, 1, 2].map(at => colour[at] / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const page = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found[3] !== 0) return over(found, [255, 255, 255]);
    }
    return [255, 255, 255];
  };
  const covers = (shape, x, y) => {
    const box = shape.getBoundingClientRect();
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) return false;
    const there = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
    return shape.isPointInFill(there);
  };
  const pale = [];
  for (const svg of document.querySelectorAll("svg:not(svg svg)")) {
    const shapes = [];
    let ground = page(svg);
    for (const one of svg.querySelectorAll("rect, path, circle, ellipse, polygon, text")) {
      const style = getComputedStyle(one);
      if (one.tagName !== "text") {
        if (style.fill !== "none" && style.visibility !== "hidden") shapes.push([one, style]);
        continue;
      }
      const box = one.getBoundingClientRect();
      if (!one.textContent.trim() || !box.width) continue;
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      let behind = ground;
      for (const [shape, of] of shapes) if (covers(shape, x, y)) {
        const fill = channels(of.fill);
        fill[3] = (fill[3] === undefined ? 1 : fill[3]) * of.fillOpacity * of.opacity;
        behind = over(fill, behind);
      }
      const ink = channels(style.fill);
      ink[3] = (ink[3] === undefined ? 1 : ink[3]) * style.fillOpacity * style.opacity;
      const found = ratio(over(ink, behind), behind);
      const told = `${found.toFixed(2)}, ${style.fill} on ${behind.map(Math.round)}`;
      if (found < least) pale.push(`${one.textContent.trim()}: ${told}`);
    }
  }
  return pale;
}"""
# The lines of a difference are text, with nothing in them to be pressed.
_LOW = """least => [...document.querySelectorAll("main table tr, main svg a")]
  .filter(one => !one.closest(".twinline-diff") || one.querySelector("a, button, input"))
  .filter(one => one.checkVisibility())
  .map(one => [one.getBoundingClientRect().height, one])
  .filter(([height]) => height > 0 && height < least - 0.5)
  .map(([height, one]) => `${one.tagName} of ${height.toFixed(1)} px: `
    + one.textContent.trim().slice(0, 80))"""
_STICKS_OUT = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const found = [...document.querySelectorAll("body *")]
    .filter(one => !one.closest(".scroll") || one.matches(".scroll"))
    .filter(one => one.getBoundingClientRect().right > wide + 0.5)
    .map(one => `${one.tagName}.${one.className}: ${one.textContent.trim().slice(0, 60)}`);
  return [`${document.documentElement.scrollWidth} px of ${wide}`, ...found.slice(-5)];
}"""
_TORN = """() => [...document.querySelectorAll("main :is(td, tbody th) a:not(.ref)")]
  .filter(one => one.checkVisibility())
  .filter(one => {
    const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    let before = null;
    while (texts.nextNode()) for (let at = 0; at < texts.currentNode.length; at++) {
      const range = document.createRange();
      range.setStart(texts.currentNode, at);
      range.setEnd(texts.currentNode, at + 1);
      const [letter, top] = [range.toString(), range.getBoundingClientRect().top];
      const torn = before && /\\w\\w/.test(before.letter + letter) && top > before.top + 4;
      if (torn) return true;
      before = { letter, top };
    }
    return false;
  }).map(one => one.textContent.trim())"""
_BEYOND_PICTURES = """() => {
  const copy = document.documentElement.cloneNode(true);
  for (const svg of copy.querySelectorAll("svg")) svg.remove();
  return new TextEncoder().encode(copy.outerHTML).length;
}"""


def violations(page: Page) -> list[str]:
    """What axe says against a page."""
    found: list[dict[str, Any]] = _axe.run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: "
        + "; ".join(f"{node['target']} {node['failureSummary']}" for node in one["nodes"][:3])
        for one in found
    ]


def pale_texts(page: Page) -> list[str]:
    """Texts in pictures that hardly differ from what is behind them."""
    return page.evaluate(_PALE, CONTRAST_LEAST)


def low_rows(page: Page) -> list[str]:
    """Rows of tables and pictures that a finger would miss."""
    return page.evaluate(_LOW, ROW_LEAST)


def sticking_out(page: Page) -> list[str]:
    """What makes a page scroll sideways; nothing when it does not."""
    return page.evaluate(_STICKS_OUT)


def torn(page: Page) -> list[str]:
    """Links in tables that go on in another line within a word."""
    return page.evaluate(_TORN)


def weight(page: Page) -> int:
    """Bytes of a page's HTML without its pictures."""
    return page.evaluate(_BEYOND_PICTURES)
