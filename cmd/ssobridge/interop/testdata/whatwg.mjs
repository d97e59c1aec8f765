// The oracle of the return_to tests: how the WHATWG URL standard, which browsers follow, reads a Location header.
// One JSON object a line in, {"base","location"}; one a line out, {"origin","href"} or {"error"}.
import { createInterface } from 'node:readline';

for await (const line of createInterface({ input: process.stdin })) {
  const { base, location } = JSON.parse(line);
  let answer;
  try {
    const url = new URL(location, base);
    answer = { origin: url.origin, href: url.href };
  } catch (e) {
    answer = { error: String(e.message) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
