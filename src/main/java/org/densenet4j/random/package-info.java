/**
 * Counter-based random numbers: a value is a function of its key and position, never of history.
 */
package org.densenet4j.random;
