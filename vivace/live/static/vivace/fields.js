// Fields of forms in a morph: what somebody typed or chose is theirs.
//
// `mine` is what the server said before, `node` what it says now, `live` the field on the page. `mine` and `node` are
// inert and nobody types into them, so their values are the server's. A field is *edited* when its value is not what
// the server had said: then its default changes (a reset of the form shows it), its value does not. It is *being
// edited* when it has the focus: then even its default waits, because a change would move the caret or close a list.
//
// Each function returns null, or what differs from the morph of other elements: `skip` names attributes that are left
// as they are, `alone` leaves the children to it, `held` asks for another morph when the focus has left, `after` runs last.

const PLAIN = new Set(["hidden", "submit", "button", "image", "reset", "file"]); // no value of their own beside the attribute
const CHECKED = new Set(["checkbox", "radio"]);

export const FIELDS = { input, textarea, select };

/** Whether the focus is in an element. */
export const isActive = (live) => live !== document.body && live.contains(document.activeElement);

const CALM = "[data-live-calm]";
const POINTS = matchMedia("(hover: hover)"); // after a tap an element is :hover until the next one

/** Whether somebody points at a calm element, or has come into it by keys. */
export const isUsed = (live) =>
  live.nodeType === Node.ELEMENT_NODE && live.matches(CALM) && ((POINTS.matches && live.matches(":hover")) || live.querySelector(":focus-visible") !== null);

/** Whether the pointer has left a calm element with this event. */
export function isLeft({ target, relatedTarget }) {
  const calm = target.closest?.(CALM);
  return Boolean(calm) && !calm.contains(relatedTarget);
}

function input(mine, node, live) {
  if (PLAIN.has(mine.type)) return null;
  if (CHECKED.has(mine.type)) return check(mine, node, live);
  if (mine.getAttribute("value") === node.getAttribute("value")) return null;
  if (live.value !== mine.value || live.validity.badInput) return null; // edited: the attribute changes, the value does not
  if (isActive(live)) return { skip: "value", held: true };
  return { after: () => void (live.value === mine.value || (live.value = mine.value)) };
}

function check(mine, node, live) {
  if (mine.defaultChecked === node.defaultChecked) return null;
  const isEdited = group(live).some((each) => each.checked !== each.defaultChecked);
  const checked = isEdited ? live.checked : node.defaultChecked;
  live.checked = live.checked; // from now on the attribute does not change it
  return { after: () => void (live.checked = checked) };
}

function group(live) {
  if (live.type !== "radio" || !live.name) return [live];
  const name = CSS.escape(live.name);
  const all = live.getRootNode().querySelectorAll(`input[type=radio][name="${name}"]`);
  return [...all].filter((each) => each.form === live.form);
}

function textarea(mine, node, live) {
  if (mine.defaultValue === node.defaultValue) return { alone: true };
  const isEdited = live.value !== mine.value;
  if (!isEdited && isActive(live)) return { alone: true, held: true };
  return {
    alone: true,
    after() {
      mine.defaultValue = live.defaultValue = node.defaultValue;
      if (!isEdited) live.value = live.defaultValue;
    },
  };
}

function select(mine, node, live) {
  if (mine.isEqualNode(node)) return null;
  if (isActive(live)) return { alone: true, held: true };
  const chosen = (list) => [...list.options].filter((option) => option.selected).map((option) => option.value);
  const [shown, before, now] = [live, mine, node].map(chosen);
  const isEdited = String(shown) !== String(before);
  return {
    after() {
      const kept = isEdited && shown.some((value) => [...live.options].some((option) => option.value === value));
      for (const option of live.options) option.selected = (kept ? shown : now).includes(option.value);
    },
  };
}
