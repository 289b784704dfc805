/** Memory-efficient DenseNet training for the JVM. */
package org.densenet4j;
