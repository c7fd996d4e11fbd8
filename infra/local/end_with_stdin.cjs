// node --require: end the process when its standard input ends, because the program that holds its other end has ended.
"use strict";

process.stdin.on("end", () => process.exit()).on("error", () => process.exit());
process.stdin.resume();
// Only the servers keep the process alive: when they are closed, it ends by itself.
process.stdin.unref();
