// A client that asks the same again and again: what `http.mjs` and `postgraphile/` measure with.
//
// Each connection asks again when it has been answered. Requests are bytes that are made once, and of the answers only the
// length and the beginning are looked at, so that the client, which has the same machine, takes as little of it as it can.
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const TICKS_PER_SECOND = 100; // of /proc, on every Linux that Node runs on

/** What the process has used so far: seconds of CPU, MiB of memory now. */
export function usage(pid) {
  if (!pid) return { cpu: NaN, rss: NaN };
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
  return { cpu: (user + system) / TICKS_PER_SECOND, rss };
}

/** One connection to `at`, which asks again and again; `answered` gets the milliseconds of each answer. */
function asker(at, request, answered) {
  return new Promise((done, fail) => {
    const socket = connect({ host: at.hostname, port: Number(at.port || 80), noDelay: true });
    let parts = [];
    let missing = 0;
    let began = 0;
    let open = true;
    const send = () => {
      began = performance.now();
      socket.write(request);
    };
    const refuse = (why) => {
      socket.destroy();
      fail(new Error(why));
    };
    socket.once("connect", send);
    socket.once("error", fail);
    socket.once("close", () => (open ? fail(new Error("The server hung up")) : done()));
    socket.on("data", (part) => {
      if (missing > 0) {
        missing -= part.length;
      } else {
        parts.push(part);
        const text = Buffer.concat(parts);
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) return;
        parts = [];
        const headers = text.toString("latin1", 0, head);
        const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
        if (!headers.startsWith("HTTP/1.1 200 ") || length === undefined) return refuse(`Not an answer of a known length: ${headers}`);
        const begin = text.toString("utf8", head + 4, head + 12);
        if (text.length >= head + 12 && begin !== '{"data":') return refuse(`Not an answer without errors: ${text.toString("utf8", head + 4, head + 400)}`);
        missing = Number(length) - (text.length - head - 4);
      }
      if (missing > 0) return;
      if (answered(performance.now() - began)) return send();
      open = false;
      socket.end();
    });
  });
}

/** Posts a GraphQL request to `url` with so many connections for so long: the milliseconds of each answer, in order of size, and the seconds it took. */
export async function drive({ url, key, body }, concurrency, milliseconds) {
  const at = new URL(url);
  const text = Buffer.from(JSON.stringify(body));
  const head = `POST ${at.pathname} HTTP/1.1\r\nhost: ${at.host}\r\n${key ? `authorization: Bearer ${key}\r\n` : ""}content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), text]);
  const times = [];
  const began = performance.now();
  const answered = (time) => times.push(time) && performance.now() - began < milliseconds;
  await Promise.all(Array.from({ length: concurrency }, () => asker(at, request, answered)));
  return { times: times.sort((a, b) => a - b), seconds: (performance.now() - began) / 1000 };
}

/** The time below which this share of all lies. */
export const quantile = (times, share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2);

/** A number, if it is one. */
export const shown = (value, digits) => (Number.isNaN(value) ? "" : value.toFixed(digits));
