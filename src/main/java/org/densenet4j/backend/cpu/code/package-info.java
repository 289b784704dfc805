/**
 * Machine code for the fused kernels of a dense layer, written by this engine for the shape it is
 * about to run: x86-64 with AVX-512, on Linux.
 *
 * <p>What is fused has to stay in registers between a product and the pass behind it, and the JVM's
 * compiler does not keep two dozen vectors there. {@link
 * org.densenet4j.backend.cpu.code.ForwardCode} and {@link
 * org.densenet4j.backend.cpu.code.BackwardCode} are the kernels of the bottleneck, {@link
 * org.densenet4j.backend.cpu.code.StripCode}, {@link org.densenet4j.backend.cpu.code.ProductCode}
 * and {@link org.densenet4j.backend.cpu.code.OutputCode} those of Winograd's convolution; codes of
 * weights and panels pack what these read, and the others are passes. {@link
 * org.densenet4j.backend.cpu.code.Storage} is what differs between float32 and bfloat16, {@code
 * Assembler} the encoding.
 */
package org.densenet4j.backend.cpu.code;
