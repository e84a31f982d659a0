import { Results } from "./results.mjs";
const [, , name, sizes, events] = process.argv;
const { run } = await import(`./work-${name}.mjs`);
const s = performance.now(),
  c = process.cpuUsage();
await run(new Results((l) => console.log(l)), {
  rounds: 1,
  warmUps: 0,
  quick: true,
  large: true,
  sizes: JSON.parse(sizes),
  eventSizes: JSON.parse(events ?? "[]"),
});
const u = process.cpuUsage(c);
console.log(
  "wall",
  (performance.now() - s) / 1e3,
  "cpu",
  (u.user + u.system) / 1e6,
  "rss",
  process.resourceUsage().maxRSS / 1024,
);
