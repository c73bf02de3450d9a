// Navigation Timing: https://w3c.github.io/navigation-timing/
const { internal } = core;

// What a document gets to, as it does; the entry shows it as it is at the moment.
const milestones = { __proto__: null };
const names = [
  "unloadEventStart", "unloadEventEnd", "domInteractive", "domContentLoadedEventStart", "domContentLoadedEventEnd", "domComplete",
  "loadEventStart", "loadEventEnd",
];
const members = { __proto__: null };
for (let index = 0; index < names.length; index += 1) {
  const name = names[index];
  milestones[name] = 0;
  members["get " + name] = () => milestones[name];
}
members["get type"] = (slots) => slots.navigationType;
members["get redirectCount"] = () => 0;
core.interface("PerformanceNavigationTiming", members);

let entry;
core.export("navigationMilestone", (name) => {
  milestones[name] = native.hook("now");
  if (name !== "loadEventEnd" || entry === undefined) return;
  // 6. The entry is queued once the document is loaded.
  native.slots(entry).duration = milestones.loadEventEnd;
  internal.tellObserversOf(entry);
});

// <https://w3c.github.io/navigation-timing/#dfn-create-the-navigation-timing-entry>
core.export("addNavigationTiming", (name, timing, type) => {
  entry = native.create("PerformanceNavigationTiming");
  const slots = native.slots(entry);
  slots.name = name;
  slots.entryType = "navigation";
  slots.startTime = 0;
  slots.duration = milestones.loadEventEnd;
  slots.timing = { __proto__: null, ...timing };
  slots.navigationType = type;
  internal.append(internal.timeline.navigation, entry);
  if (milestones.loadEventEnd > 0) internal.tellObserversOf(entry);
});
