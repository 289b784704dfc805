/** Images and labels: batches, data sets, augmentation, prefetch. Knows nothing of networks. */
package org.densenet4j.data;
