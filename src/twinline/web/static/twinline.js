"use strict";
// Nothing here is needed: without it every page and every form works.

// Moments in the reader's own time, told when the pointer rests on them.
for (const time of document.querySelectorAll("time[datetime]"))
  time.title = new Date(time.dateTime).toLocaleString() + " (your time)";

// A form that was sent is not sent again by a second click.
for (const form of document.querySelectorAll("form[method=post]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
