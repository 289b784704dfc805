/**
 * NVIDIA GPUs: memory and graphs through the driver API, convolutions by cuDNN and matrix products
 * by cuBLAS through JCuda, and the fused passes by kernels of our own in {@code cuda-kernels/}.
 *
 * <p>No class here touches a native library before a CUDA device is asked for.
 */
package org.densenet4j.backend.cuda;
