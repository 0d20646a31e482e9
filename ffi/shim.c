/* The version of the interface between the shim and lib/native/. */
#include "shim.h"

MY_EXPORT int32_t my_shim_abi(void) {
  return MY_SHIM_ABI;
}
