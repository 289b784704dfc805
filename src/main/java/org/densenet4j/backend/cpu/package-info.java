/**
 * The CPU backend: oneDNN for products and convolutions, Vector API or plain loops for the rest.
 */
package org.densenet4j.backend.cpu;
