/** A network as data: matrices of features, and the nodes that read and write their columns. */
package org.densenet4j.graph;
