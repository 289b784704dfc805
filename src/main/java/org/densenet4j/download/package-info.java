/**
 * Brings large optional files, such as NVIDIA's redistributable libraries, from a Maven repository
 * into the cache folder. Nothing here runs unless a user asks for it.
 */
package org.densenet4j.download;
