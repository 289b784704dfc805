/** Fetching NVIDIA's libraries, against a small server of our own. */
package org.densenet4j.backend.cuda.redist;
