"""GLSL of hair: shells of short hair, and strands as ribbons that face the camera.

Light on strands follows Kajiya and Kay ("Rendering fur with three dimensional textures", 1989) with two shifted
highlights (Scheuermann, "Practical Real-Time Hair Rendering and Shading", 2004).
"""

from gpu_worker.base_models.pocket.people.shaders.light import LIGHT

HAIR_LIGHT = """
vec3 hair_light(vec3 base, vec3 n, vec3 t, vec3 p, float chance, float depth){
  vec3 v=normalize(eye-p), h=normalize(light+v); float s=lit(p,n*1.6);
  float across=sqrt(max(1.0-pow(dot(t,light),2.0),0.0)), wrap=clamp((dot(n,light)+0.35)/1.35,0.0,1.0);
  vec3 c=base*(0.70+0.56*chance)*mix(0.42,1.0,depth);
  float first=dot(normalize(t+n*(0.10+0.12*chance)),h), second=dot(normalize(t-n*(0.12+0.12*chance)),h);
  float white=pow(max(1.0-first*first,0.0),40.0), own=pow(max(1.0-second*second,0.0),14.0);
  return c*(key*across*wrap*s*1.05+ambient(n)*0.95)+key*s*wrap*(white*0.10*depth+base*own*0.55*depth); }
"""

SHELL_VERTEX = """
#version 330
in vec3 position; in vec3 normal; in vec3 rest; in vec3 grow; in float root; in float ear;
uniform mat4 vp; uniform float layers;
out vec3 v_position, v_normal, v_rest; out float v_root, v_layer, v_ear;
void main(){ float t=float(gl_InstanceID+1)/layers; vec3 p=position+grow*(t*(1.0-0.15*t));
  v_position=p; v_normal=normalize(normal+grow*0.3); v_rest=rest; v_root=root; v_layer=t; v_ear=ear;
  gl_Position=vp*vec4(p,1.0); }
"""

SHELL_FRAGMENT = (
    LIGHT
    + HAIR_LIGHT
    + """
in vec3 v_position, v_normal, v_rest; in float v_root, v_layer, v_ear; out vec4 colour;
uniform vec3 hair; uniform float curl, fuzz, hairline, thin;
void main(){
  vec3 r=v_rest, n=normalize(v_normal);
  float th=atan(r.x,r.z-0.25);
  float s=mix(noise(vec3(th*26.0,r.y*2.2,length(r.xz)*3.0)),noise(r*13.0+v_layer),curl);
  float f=mix(noise(vec3(th*90.0,r.y*5.0,2.0)),noise(r*38.0),curl);
  if(v_root-hairline+0.12*(f-0.6)<0.0||v_ear>0.4) discard;
  if(noise(r*110.0)<thin) discard;
  if(v_layer>1.0-fuzz*f-0.25*curl*(1.0-s)) discard;
  n=normalize(n+(0.35+0.5*curl)*(vec3(noise(r*9.0+s),noise(r*9.0+4.0+f),noise(r*9.0+8.0))-0.5));
  vec3 t=normalize(cross(n,cross(vec3(0,1,0),n)+vec3(0.001)));
  colour=vec4(tone(hair_light(hair,n,t,v_position,0.55*s+0.45*f,v_layer*0.6)),1.0);
}
"""
)

STRAND_VERTEX = """
#version 330
in vec3 position; in vec3 tangent; in vec4 look; uniform mat4 vp;
out vec3 v_position, v_tangent; out vec4 v_look;
void main(){ v_position=position; v_tangent=tangent; v_look=look; gl_Position=vp*vec4(position,1.0); }
"""

STRAND_FRAGMENT = (
    LIGHT
    + HAIR_LIGHT
    + """
in vec3 v_position, v_tangent; in vec4 v_look; out vec4 colour;
uniform vec3 hair; uniform vec3 heart; uniform float dark;
void main(){
  float u=v_look.x, along=v_look.y, chance=v_look.z, rank=v_look.w;
  float fibre=noise(vec3(u*2.6+chance*57.0,along*2.0,chance*31.0));
  if(fibre<0.62*smoothstep(0.55,1.0,along)||abs(u)>1.0-0.35*along*fibre) discard;
  vec3 t=normalize(v_tangent), v=normalize(eye-v_position), side=normalize(cross(t,v));
  vec3 out_=v_position-heart; out_.y*=0.7; out_=normalize(out_-t*dot(out_,t)*0.8);
  vec3 n=normalize(out_+v*0.35+side*u*0.55);
  float depth=(0.35+0.65*rank)*mix(dark,1.0,smoothstep(0.0,0.35,along));
  colour=vec4(tone(hair_light(hair*(0.85+0.3*fibre),n,t,v_position,chance,depth)),1.0);
}
"""
)
