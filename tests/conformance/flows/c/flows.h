#include <vireo.h>

#ifdef __cplusplus
extern "C" {
#endif
vireo_error demo(void);
vireo_error errors(void);
vireo_error everything(void);
#ifdef __cplusplus
}
#endif
