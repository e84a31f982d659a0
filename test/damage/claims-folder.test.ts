/** Something else in the place of the folder of leases: nobody but who writes a lease is refused. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ids, makeProject, makeStore, refused, reopen } from "../features/support.ts";

const PLACES = {
  "a link that leads out": (path: string, outside: string) => symlinkSync(outside, path),
  "a link to itself": (path: string) => symlinkSync("claims", path),
  "a file": (path: string) => writeFileSync(path, "mine"),
} as const;

for (const [what, put] of Object.entries(PLACES)) {
  test(`${what} is named, features are shown, and all else goes on`, async (context) => {
    const healthy = await makeStore(context);
    await healthy.features.createBulk([{ name: "One" }, { name: "Two" }]);
    await healthy.features.claimAndGet(1, { agent: "ann", leaseMs: 60_000 });
    await healthy.close();
    const outside = join(makeProject(context), "kept");
    mkdirSync(outside);
    const claims = join(healthy.root, "local/claims");
    renameSync(claims, `${outside}/before`);
    put(claims, outside);
    const kept = readdirSync(outside);

    const store = await reopen(context, healthy);
    const features = await store.features.getAll();
    assert.deepEqual(ids(features), [1, 2]);
    // Without a lease that can be read the claim is one without an end: nobody is given it twice.
    assert.deepEqual([features[0]?.claim?.agent, features[0]?.claim?.expiresAt], ["ann", null]);
    await refused("CONFLICT", () => store.features.claimAndGet(1, { agent: "ben" }));
    assert.equal((await store.features.create({ name: "Three" })).id, 3);
    await store.settings.set("review", "codex");
    const error = await refused("IO", () =>
      store.features.claimAndGet(2, { agent: "ben", leaseMs: 60_000 }),
    );
    assert.match(String(error.context["file"]), /^local\/claims/);
    assert.equal((await store.features.claimAndGet(2, { agent: "ben" })).claim?.agent, "ben");
    const findings = await store.check();
    assert.deepEqual([...new Set(findings.map(({ file }) => file))], ["local/claims"]);
    assert.deepEqual(readdirSync(outside), kept);
  });
}

test("a damaged lease is named where features is a link, too", async (context) => {
  const store = await makeStore(context);
  await store.features.create({ name: "One" });
  await store.features.claimAndGet(1, { agent: "ann", leaseMs: 60_000 });
  await store.close();
  const [lease = ""] = readdirSync(join(store.root, "local/claims"));
  writeFileSync(join(store.root, "local/claims", lease), "");
  renameSync(join(store.root, "features"), join(makeProject(context), "features"));
  symlinkSync("nowhere", join(store.root, "features"));
  const findings = await (await reopen(context, store)).check();
  assert.deepEqual(findings.map(({ file }) => file).toSorted(), [
    "features",
    `local/claims/${lease}`,
  ]);
});
