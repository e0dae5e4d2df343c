// Bucketing b1 once more, in another language: [[salt, unit], ...] on standard input,
// the buckets as a JSON array on standard output.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const bucket = ([salt, unit]) => {
  const digest = createHash("sha256").update(`${salt}\u001f${unit}`, "utf8").digest();
  return Number((digest.readBigUInt64BE(0) * 100000n) >> 64n);
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(bucket)));
