/**
 * Libraries that only some users need, and files that travel in the jars of others: found on the
 * class path and on the module path, without a {@code requires}.
 */
package org.densenet4j.library;
