/**
 * Weights in and out: torchvision's and timm's checkpoints, safetensors, ONNX. Loading checks every
 * name and shape before anything is changed.
 */
@NullMarked
package org.densenet4j.weights;

import org.jspecify.annotations.NullMarked;
