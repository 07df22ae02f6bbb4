// The pages work without it. It shows times in the reader's zone, and keeps an open page as it is
// now: a stream tells when something moved, and the parts that differ are exchanged. Nothing that
// somebody types is in such a part.
"use strict";
(() => {
  const two = (number) => String(number).padStart(2, "0");

  function local(date) {
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
  }

  function offset(date) {
    const minutes = -date.getTimezoneOffset();
    const size = Math.abs(minutes);
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const seconds = `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
      time.textContent = local(date);
      time.title = `${local(date)}:${seconds} ${offset(date)}, which is ${time.dateTime}`;
      time.dataset.local = "";
    }
    const zone = root.querySelector("#zone");
    if (zone) zone.textContent = `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}; point at one for its second, its offset and UTC.`;
  }

  const WAIT = 1000; // milliseconds from one time that parts are asked for to the next, at least
  let open = null; // the stream, with the element that asks for it

  function say(...words) {
    document.getElementById("live")?.replaceChildren(...words);
  }

  function follow() {
    const place = document.hidden ? null : document.querySelector("[data-live]");
    if (open?.place === place) return;
    open?.stream.close();
    open = null;
    if (!place || !window.EventSource) return;
    const mine = { place, stream: new EventSource(place.dataset.live), lost: false };
    open = mine;
    mine.stream.addEventListener("changed", () => soon(mine));
    mine.stream.addEventListener("ended", () => ended(mine));
    mine.stream.addEventListener("open", () => {
      if (mine.lost) say();
      mine.lost = false;
    });
    mine.stream.addEventListener("error", () => {
      mine.lost = true;
      say("What moves is not shown now: load the page anew to see it.");
    });
  }

  async function soon(mine) {
    mine.stale = true;
    if (mine.busy) return;
    mine.busy = true;
    while (mine.stale && open === mine) {
      mine.stale = false;
      await refresh(mine).catch(() => {}); // the stream tells whether the server can be reached
      await new Promise((done) => setTimeout(done, WAIT));
    }
    mine.busy = false;
  }

  async function refresh(mine) {
    const headers = { "HX-Request": "true" }; // who is signed out is told so, and not led elsewhere
    const answer = await fetch(mine.place.dataset.page, { headers, cache: "no-store" });
    const text = await answer.text();
    if (open !== mine) return;
    if (answer.status === 401) ended(mine);
    if (answer.ok) exchange(new DOMParser().parseFromString(text, "text/html"));
  }

  function ended(mine) {
    mine.stream.close();
    const back = encodeURIComponent(location.pathname + location.search);
    const link = document.createElement("a");
    link.href = `/sign-in?ended=1&next=${back}`;
    link.textContent = "Sign in again";
    say("You were signed out, and what moves is not shown any more. ", link);
  }

  function exchange(fresh) {
    showTimes(fresh);
    const place = fresh.querySelector("[data-live]");
    if (place) open.place.dataset.live = place.dataset.live;
    let moved = false;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other) continue;
      keepOpen(part, other);
      if (part.innerHTML === other.innerHTML) continue;
      moved = true;
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      part.replaceChildren(...document.importNode(other, true).childNodes);
      window.htmx?.process(part);
      if (focused) refocus(part, focused);
      part.classList.remove("moved");
      void part.offsetWidth; // so that it shines up again
      part.classList.add("moved");
    }
    if (moved) say(`Something moved; this is as of ${local(new Date()).slice(11)}.`);
  }

  function keepOpen(part, other) {
    const now = new Map([...part.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    for (const one of other.querySelectorAll("details[id]")) {
      if (now.has(one.id)) one.open = now.get(one.id);
    }
  }

  function refocus(part, focused) {
    const same = [...part.querySelectorAll(focused.tagName)].find(
      (one) => one.textContent === focused.textContent,
    );
    (same ?? document.getElementById("main")).focus({ preventScroll: true });
  }

  function look() {
    showTimes(document);
    follow();
  }

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("htmx:afterSettle", look);
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => {
    open?.stream.close();
    open = null;
  });
  window.addEventListener("pageshow", (event) => event.persisted && follow());
})();
