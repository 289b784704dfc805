/** Finding and loading CUDA's libraries. */
package org.densenet4j.backend.cuda;
