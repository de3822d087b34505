/**
 * The attacker, in a process of its own: runs one attack for as long as asked, and prints "attacking", and in the end what it saw
 * as JSON.
 *
 * Arguments: the attack's name, the target's address, "plain" or "tls", milliseconds, the address of a hostile worker, and "attach"
 * if that has to attach.
 */
import { ATTACKS } from "./attack-table";
import { Sightings } from "./sightings";

const [name = "", target = "", transport = "", durationMs = "", workerAddress = "", attach = ""] =
  process.argv.slice(2);
const attack = ATTACKS.find((each) => each.name === name);
if (attack === undefined) throw new Error(`there is no attack ${name}`);

// What an attack does to its own end is no matter.
process.on("uncaughtException", (error) => seen.note(`attacker: ${error.message}`));
const seen = new Sightings();
attack.start({ target, tls: transport === "tls", workerAddress, attaches: attach === "attach", seen });
console.log("attacking");
setTimeout(() => {
  console.log(JSON.stringify(seen));
  process.exit(0);
}, Number(durationMs));
