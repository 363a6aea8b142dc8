"""What the page of the morph's tests does for them: ``lab`` shows a source, morphs to the next and tells what is there."""

from __future__ import annotations

READY = """async () => {
    const markup = await import("/markup.js")
    const { Morph, keep } = await import("/morph.js")
    window.lab = {
        keep,
        source: null,
        /** Put a source on the page, as if it had come with it. */
        show(html, inside = "<main></main>") {
            document.body.replaceChildren(document.importNode(markup.parsePage(inside).body.firstChild, true))
            const parent = document.body.querySelector("[data-here]") ?? document.body.firstChild
            parent.append(document.importNode(markup.parse(html, parent), true))
            lab.parent = parent
            lab.morph = new Morph(parent)
        },
        to(html) {
            const report = lab.morph.to(markup.parse(html, lab.parent))
            return { held: report.held, added: report.added.length, removed: report.removed.length }
        },
        html: () => lab.parent.innerHTML,
        /** The same for the same nodes: attributes have no order. */
        ordered(parent) {
            const box = parent.cloneNode(true)
            for (const each of box.querySelectorAll("*")) {
                const list = [...each.attributes].sort((a, b) => (a.name < b.name ? -1 : 1))
                for (const one of list) { each.removeAttributeNode(one); each.setAttributeNode(one) }
            }
            return box.innerHTML
        },
        /** What the browser makes of a source. */
        plain(html) {
            const box = document.createElement("div")
            const nodes = markup.parse(html, lab.parent)
            const holes = markup.cutRegions(nodes)
            box.append(document.importNode(nodes, true))
            for (const start of markup.starts(box)) start.after(document.createComment("/" + start.data))
            return lab.ordered(box)
        },
        one: (selector) => document.querySelector(selector),
    }
    window.moves = Element.prototype.moveBefore
}"""

__all__ = ["READY"]
