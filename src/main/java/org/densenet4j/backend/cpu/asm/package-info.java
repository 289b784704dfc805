/**
 * Machine code for x86-64 on Linux: an assembler for AVX2 and one for AVX-512 under one interface,
 * and the memory that code runs from. It knows nothing of what is computed.
 */
package org.densenet4j.backend.cpu.asm;
