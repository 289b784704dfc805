/**
 * Object detection after SSD and DSOD: default boxes, the loss over them, what is found, and how
 * good it is. Host code on arrays; knows nothing of networks.
 */
@NullMarked
package org.densenet4j.detection;

import org.jspecify.annotations.NullMarked;
