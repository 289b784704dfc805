/** The CUDA backend on a machine without a GPU: a driver and libraries that are not there. */
package org.densenet4j.standin;
