// What the theme leaves unnamed or out of the keyboard's reach.
function mend() {
  document.querySelector("[data-md-component=search]")?.setAttribute("aria-label", "Search");
  document.querySelectorAll(".md-code__nav").forEach((buttons, index) => {
    buttons.setAttribute("aria-label", `Code ${index + 1}`);
  });
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) table.tabIndex = 0;
}
mend();
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
