/**
 * The CUDA backend: memory and graphs through the driver API, convolutions by cuDNN and matrix
 * products by cuBLAS through JCuda, and the fused passes by kernels of our own in {@code
 * cuda-kernels/}.
 *
 * <p>NVIDIA's libraries are found and loaded when CUDA is asked for and not before.
 */
package org.densenet4j.backend.cuda;
