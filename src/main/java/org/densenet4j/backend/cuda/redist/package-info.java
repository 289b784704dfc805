/**
 * Brings NVIDIA's redistributable libraries from a Maven repository into the cache folder, for
 * machines that have a driver and nothing else. Nothing here runs unless a user asks for it.
 */
package org.densenet4j.backend.cuda.redist;
