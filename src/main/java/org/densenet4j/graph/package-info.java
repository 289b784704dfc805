/** A network as data: matrices of features, and the nodes that read and write their columns. */
@NullMarked
package org.densenet4j.graph;

import org.jspecify.annotations.NullMarked;
