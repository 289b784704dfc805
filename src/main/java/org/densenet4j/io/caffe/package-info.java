/**
 * Caffe's files of weights: protobuf messages with the layers of a network, what connects them, and
 * their numbers, read from a mapped file.
 */
@NullMarked
package org.densenet4j.io.caffe;

import org.jspecify.annotations.NullMarked;
