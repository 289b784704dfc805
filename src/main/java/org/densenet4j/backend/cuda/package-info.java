/**
 * The CUDA backend: NVIDIA's libraries through JCuda, found and loaded when CUDA is asked for and
 * not before.
 */
package org.densenet4j.backend.cuda;
