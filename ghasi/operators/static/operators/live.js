/* Keeps a page's live part up to date: asks for it again and again, and says so when no answer comes.

   The part is HTML of the server. Its elements with an id are compared one by one, so that what has not changed is not
   touched: a selection, an opened detail or the focus stays where it is. */
"use strict";

(() => {
  const box = document.querySelector("[data-live-url]");
  const state = document.getElementById("live-state");
  if (!box || !state) {
    return;
  }
  const every = Number(box.dataset.liveEvery) || 2000;
  const patience = 6000;
  let shown = box.querySelector("[data-at]");
  let timer = 0;

  function say(kind) {
    const word = state.querySelector(".live-word");
    if (state.dataset.kind !== kind) {
      state.dataset.kind = kind;
      state.classList.toggle("stale", kind !== "fresh");
      box.classList.toggle("stale", kind !== "fresh");
      word.textContent = state.dataset[kind];
    }
    state.querySelector(".live-time").textContent = shown ? shown.dataset.at : "";
  }

  function keep(before, after) {
    for (const one of before.querySelectorAll("details[open][id]")) {
      const same = after.querySelector(`#${CSS.escape(one.id)}`);
      if (same) {
        same.open = true;
      }
    }
    if (before.contains(document.activeElement) && document.activeElement.id) {
      return document.activeElement.id;
    }
    return "";
  }

  function merge(before, after) {
    const held = new Map([...before.children].map((one) => [one.id, one]));
    const focused = keep(before, after);
    let place = null;
    for (const fresh of [...after.children]) {
      const old = fresh.id ? held.get(fresh.id) : undefined;
      let standing = fresh;
      if (old && old.isEqualNode(fresh)) {
        standing = old;
      } else if (old) {
        old.replaceWith(fresh);
      }
      held.delete(fresh.id);
      const next = place ? place.nextElementSibling : before.firstElementChild;
      if (next !== standing) {
        before.insertBefore(standing, next);
      }
      place = standing;
    }
    for (const gone of held.values()) {
      gone.remove();
    }
    before.dataset.at = after.dataset.at;
    if (focused && document.activeElement === document.body) {
      const again = document.getElementById(focused);
      if (again) {
        again.focus({ preventScroll: true });
      }
    }
  }

  async function turn() {
    try {
      const answer = await fetch(box.dataset.liveUrl, {
        cache: "no-store",
        credentials: "same-origin",
        redirect: "manual",
        signal: AbortSignal.timeout(patience),
      });
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        say("away");
        return;
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.querySelector("[data-at]");
      if (!part) {
        throw new Error("not the live part");
      }
      merge(shown, part);
      say("fresh");
    } catch {
      say("stale");
    }
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) {
      timer = setTimeout(turn, every);
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) {
      turn();
    }
  });
  plan();
})();
