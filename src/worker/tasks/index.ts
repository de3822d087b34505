import { echo, fail, sha256, sleep } from "./basic-tasks";
import { mandelbrot } from "./mandelbrot";
import { primes } from "./primes";
import type { Task } from "./task";

/** The tasks of the default worker, by name. */
export const TASKS: Readonly<Record<string, Task>> = { echo, sha256, primes, mandelbrot, sleep, fail };
