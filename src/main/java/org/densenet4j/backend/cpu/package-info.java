/**
 * The CPU backend: oneDNN for products and convolutions, Vector API or plain loops for the rest;
 * where {@link org.densenet4j.backend.cpu.code} runs, fused kernels in machine code.
 */
package org.densenet4j.backend.cpu;
