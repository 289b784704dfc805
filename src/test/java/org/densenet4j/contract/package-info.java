/**
 * What every backend must do, as tests: each operation against an obvious double-precision
 * reference on random shapes, with guard zones around everything. A backend is tested by extending
 * {@link org.densenet4j.contract.BackendContract} and opening its device there.
 */
package org.densenet4j.contract;
