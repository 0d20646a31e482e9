/**
 * What the compiler and the linker are told for the C shim, and what makes it hard to misuse.
 * @module
 */

/** Compiler flags without those that only some machines know. */
export const COMPILE: readonly string[] = [
  "-std=gnu11",
  "-O2",
  "-fPIC",
  "-fvisibility=hidden",
  "-Wall",
  "-Wextra",
  "-Wformat=2",
  "-Wno-deprecated-declarations",
  // Some compilers have the macro already, at another level.
  "-U_FORTIFY_SOURCE",
  "-D_FORTIFY_SOURCE=2",
  "-fstack-protector-strong",
];

/** Flags that a compiler may not know, or not for its processor: tried one by one. */
export const OPTIONAL: readonly string[] = ["-fstack-clash-protection", "-fcf-protection"];

/** Linker flags: no writable tables once it is loaded, no executable stack, nothing left undefined. */
export const LINK: readonly string[] = [
  "-shared",
  "-s",
  "-Wl,--as-needed",
  "-Wl,--exclude-libs,ALL",
  "-Wl,-z,nodelete",
  "-Wl,-z,relro",
  "-Wl,-z,now",
  "-Wl,-z,noexecstack",
  "-Wl,-z,separate-code",
  "-Wl,--no-undefined",
  "-Wl,--gc-sections",
];
