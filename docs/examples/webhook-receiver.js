// Receives webhooks of the service and refuses what it has not signed. Nothing but Node is needed:
//   WEBHOOK_SECRET=whsec_… PORT=9000 node docs/examples/webhook-receiver.js
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const key = Buffer.from((process.env.WEBHOOK_SECRET ?? '').replace(/^whsec_/, ''), 'base64');
if (key.length < 24) throw new Error('WEBHOOK_SECRET must be whsec_ and the base64 of at least 24 bytes.');

/** Seconds that a message may be old, or our clock behind: what is older may be someone's recording. */
const tolerance = 300;
/** Ids of what was done already: a message may come twice. Keep them where a restart does not forget them. */
const done = new Set();

createServer(async (req, res) => {
  const body = Buffer.concat(await req.toArray());
  const {
    'webhook-id': id = '',
    'webhook-timestamp': timestamp = '',
    'webhook-signature': signatures = '',
  } = req.headers;
  if (!isGenuine({ id, timestamp, signatures, body })) return res.writeHead(401).end();
  // Answer at once, and work afterwards: whoever does not answer within 15 seconds is asked again.
  res.writeHead(204).end();
  if (done.has(id)) return;
  done.add(id);
  const { type, data } = JSON.parse(body);
  console.log(`${type} ${data.id}`);
}).listen(process.env.PORT ?? 9000, function () {
  console.log(`listening on ${this.address().port}`);
});

function isGenuine({ id, timestamp, signatures, body }) {
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= tolerance)) return false;
  // The bytes as they came: JSON that was parsed and written again may differ.
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(' ').some((signature) => {
    const [version, text = ''] = signature.split(',');
    const given = Buffer.from(text, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}
