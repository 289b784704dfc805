/** What a network is: its hyperparameters, shapes, parameters and costs. Knows nothing else. */
package org.densenet4j.spec;
