/** Functions of libraries in C. */
package org.densenet4j.foreign;
