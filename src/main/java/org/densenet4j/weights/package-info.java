/**
 * Weights in and out: torchvision's and timm's checkpoints, safetensors, ONNX. Loading checks every
 * name and shape before anything is changed.
 */
package org.densenet4j.weights;
