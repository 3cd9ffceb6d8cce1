// Tests that speak TAP on stdout. A test is a name that states an expectation, and the list of faults
// that were found: none when it holds.

let count = 0;
let failed = 0;

const FAULTS_SHOWN = 40;

/** @param {string[]} faults */
export function expect(name, faults) {
  count++;
  if (faults.length) failed++;
  console.log(`${faults.length ? "not ok" : "ok"} ${count} - ${name.replaceAll("#", "\\#")}`);
  for (const fault of faults.slice(0, FAULTS_SHOWN))
    console.log(`# ${fault.replaceAll("\n", "\n#   ")}`);
  if (faults.length > FAULTS_SHOWN) console.log(`# ... and ${faults.length - FAULTS_SHOWN} more`);
}

/** Ends the program. Without this line, TAP counts the run as broken. */
export function finish() {
  console.log(`1..${count}`);
  process.exitCode = failed ? 1 : 0;
}
