/** Images and labels: batches, data sets, augmentation, prefetch. Knows nothing of networks. */
@NullMarked
package org.densenet4j.data;

import org.jspecify.annotations.NullMarked;
