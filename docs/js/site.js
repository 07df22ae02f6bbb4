// What the theme leaves unnamed or out of the keyboard's reach.
function mend() {
  document.querySelector("[data-md-component=search]")?.setAttribute("aria-label", "Search");
  for (const buttons of document.querySelectorAll(".md-code__nav")) {
    buttons.setAttribute("role", "group"); // a button is no navigation
    buttons.setAttribute("aria-label", "Code");
  }
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) table.tabIndex = 0;
}
mend();
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
