"""GLSL of what is worn (collars, hats, glasses, a bun) and of the shadow map."""

from gpu_worker.base_models.pocket.people.shaders.hair import HAIR_LIGHT
from gpu_worker.base_models.pocket.people.shaders.light import LIGHT

PROP_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec3 tint; in float kind;
uniform mat4 vp; out vec3 v_position, v_normal, v_tint; out vec2 v_uv; out float v_kind;
void main(){ v_position=position; v_normal=normal; v_tint=tint; v_uv=uv; v_kind=kind;
  gl_Position=vp*vec4(position,1.0); }
"""

PROP_FRAGMENT = (
    LIGHT
    + HAIR_LIGHT
    + """
in vec3 v_position, v_normal, v_tint; in vec2 v_uv; in float v_kind; out vec4 colour;
void main(){
  vec3 n=normalize(v_normal), view=normalize(eye-v_position); if(dot(n,view)<0.0) n=-n;
  if(v_kind<0.5){ vec3 c=v_tint*(0.90+0.20*noise(v_position*7.0));
    n=normalize(n+0.4*(vec3(noise(v_position*6.0),noise(v_position*6.0+5.0),noise(v_position*6.0+9.0))-0.5));
    colour=vec4(tone(shade(c,n,v_position,0.12,vec3(0),0.010,10.0)),1.0); return; }
  if(v_kind<1.5){
    float s=noise(vec3(v_uv.x*60.0,v_uv.y*2.5,1.0)), f=noise(vec3(v_uv.x*190.0,v_uv.y*4.0,5.0));
    n=normalize(n+0.45*vec3(s-0.5,0.0,f-0.5)); vec3 t=normalize(cross(n,vec3(0.3,1.0,0.2)));
    colour=vec4(tone(hair_light(v_tint,n,t,v_position,0.5*s+0.5*f,0.55+0.4*s)),1.0); return; }
  if(v_kind<2.5){ colour=vec4(tone(shade(v_tint,n,v_position,0.1,vec3(0),0.30,40.0)),1.0); return; }
  if(v_kind<3.5){ vec3 c=v_tint*(0.7+0.9*smoothstep(0.2,1.0,v_uv.y));
    c+=0.06*smoothstep(0.16,0.0,abs(v_uv.x-v_uv.y*0.6-0.2)); c+=ambient(reflect(-view,n))*0.10;
    colour=vec4(tone(c*0.65),1.0); return; }
  float knit=sin(v_uv.x*220.0)*0.5+sin(v_uv.y*70.0)*0.25;
  n=normalize(n+0.25*vec3(cos(v_uv.x*220.0),0.0,0.0));
  colour=vec4(tone(shade(v_tint*(0.9+0.12*knit),n,v_position,0.15,vec3(0),0.0,10.0)),1.0);
}
"""
)

DEPTH_VERTEX = """
#version 330
in vec3 position; uniform mat4 vp; void main(){ gl_Position=vp*vec4(position,1.0); }
"""
DEPTH_FRAGMENT = """
#version 330
void main(){}
"""
