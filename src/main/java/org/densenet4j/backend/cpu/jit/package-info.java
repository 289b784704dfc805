/**
 * Kernels in machine code, written by this engine for the shape that they are about to run on.
 *
 * <p>What is fused has to stay in registers between a product and the pass behind it, and the JVM's
 * compiler does not keep a dozen vectors there. {@link
 * org.densenet4j.backend.cpu.jit.PointwiseForwardKernel} and {@link
 * org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel} are the kernels of the bottleneck, which
 * {@link org.densenet4j.backend.cpu.jit.TiledPointwiseForwardKernel} and {@link
 * org.densenet4j.backend.cpu.jit.TiledPointwiseBackwardKernel} are on tiles (AMX); those of
 * Winograd's convolution are {@link org.densenet4j.backend.cpu.jit.WinogradSourceKernel}, {@link
 * org.densenet4j.backend.cpu.jit.MatrixProductKernel} and {@link
 * org.densenet4j.backend.cpu.jit.WinogradOutputKernel}; panels and weights are packed for these by
 * kernels of their own, and the others are passes. {@link org.densenet4j.backend.cpu.jit.Storage}
 * is how activations lie in memory, {@link org.densenet4j.backend.cpu.jit.Words} what products take
 * them in, and {@link org.densenet4j.backend.cpu.asm.InstructionSet} what differs between
 * processors.
 */
package org.densenet4j.backend.cpu.jit;
