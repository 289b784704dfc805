/**
 * PyTorch checkpoints, read without ever executing anything: the pickle inside is interpreted by a
 * small machine that knows tensors and containers and refuses everything else by name.
 */
package org.densenet4j.io.pth;
